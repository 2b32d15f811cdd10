/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The owner of a file (F_SETOWN): a thread, process or group that O_ASYNC's signals go to.
 *
 * The owner is whom the number named when it was set, not who has it later.  A signal is sent with
 * the rights of the one who set the owner, whoever makes the file ready.
 */
#include <fs/file.h>

/* type: F_OWNER_*; nr 0: nobody any more.  -ESRCH: nobody has that number. */
MUST_USE int sigio_set_owner(struct file *f, int type, int nr);
/* The number, 0 when nobody is there (any more); *type: F_OWNER_*. */
MUST_USE int sigio_get_owner(struct file *f, int *type);

/* For fs_upcalls. */
void sigio_send(struct file *f, int band);
void sigio_drop_owner(struct file *f); /* f goes */
