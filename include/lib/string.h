/* SPDX-License-Identifier: MIT */
#pragma once
/* The part of <string.h> that a kernel needs; standard semantics (C11 7.24). */
#include <stddef.h>
#include <stdbool.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
/* Copies at most size - 1 bytes and always terminates; returns the bytes copied
 * (less than strlen(src) when it was cut). */
size_t str_copy(char *dst, const char *src, size_t size);
/* Puts '?' for the control characters of a text that holds names of a program's choice. */
void str_make_line(char *text, size_t len);
bool str_starts_with(const char *s, const char *prefix);
