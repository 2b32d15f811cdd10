/* SPDX-License-Identifier: MIT */
#pragma once
#ifndef CORRIDA_VERSION
#define CORRIDA_VERSION "unknown"
#endif
