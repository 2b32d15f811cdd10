/* SPDX-License-Identifier: MIT */
/* What `corrida suite` prints and writes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "suite.h"

static const char *const outcome_names[] = {
	[SUITE_PENDING] = "pending",
	[SUITE_PASSED] = "passed",
	[SUITE_FAILED] = "FAILED",
	[SUITE_SKIPPED] = "skipped",
};

/* %-48s of a path, which may be any guest's. */
static void print_path(const char *path)
{
	size_t len = strlen(path);

	report_name_to(stdout, path);
	printf("%*s", len < 48 ? (int)(48 - len) : 0, "");
}

static void describe(const struct suite_test *t, char *buf, size_t len)
{
	if (t->outcome == SUITE_SKIPPED) {
		snprintf(buf, len, "%s", t->why);
	} else if (t->timed_out) {
		snprintf(buf, len, "no end in time");
	} else if (t->status > 128) {
		snprintf(buf, len, "status %d (signal %d)", t->status, t->status - 128);
	} else {
		snprintf(buf, len, "status %d", t->status);
	}
}

void suite_show(const struct suite_test *t, const struct suite_options *o)
{
	char how[128];

	if (!o->verbose && t->outcome != SUITE_FAILED) {
		return;
	}
	describe(t, how, sizeof(how));
	printf("%-8s ", outcome_names[t->outcome]);
	print_path(t->path);
	printf(" %s (%.2f s)\n", how, t->seconds);
	if (t->outcome == SUITE_FAILED && t->output) {
		const char *p = t->output;

		while (*p) {
			size_t len = strcspn(p, "\n");

			fputs("         | ", stdout);
			report_text_to(stdout, p, len);
			putchar('\n');
			p += len;
			p += *p == '\n';
		}
	}
	fflush(stdout);
}

static void print_xml(FILE *f, const char *text, bool lines)
{
	for (; text && *text; text++) {
		unsigned char c = (unsigned char)*text;

		switch (c) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		default:
			fputc((c < 0x20 && !(c == '\n' && lines) && c != '\t') || c >= 0x7f ? '?'
											    : c,
			      f);
		}
	}
}

static void write_junit(const struct suite *s)
{
	FILE *f = s->o.junit_file;

	fprintf(f, "<?xml version=\"1.0\"?>\n<testsuite name=\"corrida\" tests=\"%zu\">\n", s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct suite_test *t = &s->tests[i];
		char how[128];

		describe(t, how, sizeof(how));
		fputs("<testcase name=\"", f);
		print_xml(f, t->path, false);
		fprintf(f, "\" time=\"%.3f\">", t->seconds);
		if (t->outcome != SUITE_PASSED) {
			const char *tag = t->outcome == SUITE_FAILED ? "failure" : "skipped";

			fprintf(f, "<%s message=\"%s\">", tag, how);
			print_xml(f, t->output, true);
			fprintf(f, "</%s>", tag);
		}
		fputs("</testcase>\n", f);
	}
	fputs("</testsuite>\n", f);
	if (fclose(f) != 0) {
		report("--junit %s: %s", s->o.junit, strerror(errno));
	}
}

int suite_report(const struct suite *s)
{
	size_t count[4] = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		count[s->tests[i].outcome]++;
	}
	if (count[SUITE_FAILED] + count[SUITE_SKIPPED] > 0) {
		printf("\n%-8s %-48s %-8s %-8s %s\n", "", "test", "Linux", "Corrida", "");
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct suite_test *t = &s->tests[i];
		char how[128], native[16] = "-", ours[16] = "-";

		if (t->outcome == SUITE_PASSED) {
			continue;
		}
		describe(t, how, sizeof(how));
		if (t->native_status >= 0) {
			snprintf(native, sizeof(native), "%d", t->native_status);
		}
		if (t->status >= 0) {
			snprintf(ours, sizeof(ours), "%d", t->status);
		}
		printf("%-8s ", outcome_names[t->outcome]);
		print_path(t->path);
		printf(" %-8s %-8s %s\n", native, ours, how);
	}
	if (s->o.junit_file) {
		write_junit(s);
	}
	printf("\n%zu passed, %zu failed, %zu skipped\n", count[SUITE_PASSED], count[SUITE_FAILED],
	       count[SUITE_SKIPPED]);
	return count[SUITE_FAILED] > 0;
}
