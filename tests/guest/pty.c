/* SPDX-License-Identifier: MIT */
/* Pseudo-terminals: the line discipline, job control, hang-up. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;
static volatile int packet_count;

static void open_pair(void)
{
	char *name;

	master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK_EQ(grantpt(master), 0);
	name = ptsname(master);
	CHECK(name != NULL);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	CHECK_EQ(unlockpt(master), 0);
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	CHECK(isatty(slave));
	CHECK(!strcmp(ttyname(slave), name));
}
static void close_pair(void)
{
	close(master);
	close(slave);
}
static void put(int fd, const char *s)
{
	CHECK_EQ(write(fd, s, strlen(s)), strlen(s));
}
/* What can be read within 100 ms. */
static char *get(int fd)
{
	static char buf[2][8192];
	static int k;
	char *b = buf[k ^= 1];
	int n = 0;
	struct pollfd pf = { .fd = fd, .events = POLLIN };

	while (n < 8000 && poll(&pf, 1, 100) == 1 && (pf.revents & POLLIN)) {
		int r = (int)read(fd, b + n, 8000 - (size_t)n);
		if (r <= 0)
			break;
		n += r;
	}
	b[n] = 0;
	return b;
}
#define EXPECT(fd, s)                                                          \
	do {                                                                   \
		char *g_ = get(fd);                                            \
		if (strcmp(g_, s)) {                                           \
			printf("# line %d: got \"", __LINE__);                 \
			for (char *p_ = g_; *p_; p_++)                         \
				printf(*p_<' ' || *p_> 126 ? "\\x%02x" : "%c", \
				       (unsigned char)*p_);                    \
			printf("\" not %s\n", #s);                             \
			test_failed_here = 1;                                  \
		}                                                              \
	} while (0)

static void defaults(void)
{
	struct termios t;
	struct winsize ws;

	open_pair();
	CHECK_EQ(tcgetattr(slave, &t), 0);
	CHECK_EQ(t.c_iflag, ICRNL | IXON);
	CHECK_EQ(t.c_oflag, OPOST | ONLCR);
	CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VERASE], 127);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VMIN], 1);
	CHECK_EQ(cfgetospeed(&t), B38400);
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &ws), 0);
	ws.ws_row = 33;
	ws.ws_col = 77;
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &ws), 0);
	memset(&ws, 0, sizeof(ws));
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &ws), 0);
	CHECK_EQ(ws.ws_row, 33);
	CHECK_EQ(ws.ws_col, 77);
	close_pair();
}

static void canonical(void)
{
	char buf[64];
	int n;

	open_pair();
	put(master, "hello");
	EXPECT(master, "hello");
	struct pollfd pf = { .fd = slave, .events = POLLIN };
	CHECK_EQ(poll(&pf, 1, 0), 0);
	put(master, "\r");
	EXPECT(master, "\r\n");
	CHECK_EQ(read(slave, buf, sizeof(buf)), 6);
	CHECK(!memcmp(buf, "hello\n", 6));
	put(master, "ab\177c\r");
	EXPECT(master, "ab\b \bc\r\n");
	EXPECT(slave, "ac\n");
	put(master, "one two\027three\r");
	EXPECT(master, "one two\b \b\b \b\b \bthree\r\n");
	EXPECT(slave, "one three\n");
	put(master, "junk\025ok\r");
	EXPECT(slave, "ok\n");
	get(master);
	put(master, "a\026\003b\r");
	EXPECT(master, "a^\b^Cb\r\n");
	EXPECT(slave, "a\003b\n");
	/* two lines, one read each; a short buffer splits a line */
	put(master, "first\rsecond\r");
	CHECK_EQ(read(slave, buf, sizeof(buf)), 6);
	CHECK_EQ(read(slave, buf, 3), 3);
	CHECK_EQ(ioctl(slave, FIONREAD, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(read(slave, buf, sizeof(buf)), 4);
	/* end of file: what is typed, then nothing */
	put(master, "xy\004");
	CHECK_EQ(read(slave, buf, sizeof(buf)), 2);
	put(master, "\004");
	CHECK_EQ(read(slave, buf, sizeof(buf)), 0);
	get(master);
	put(slave, "out\tput\n");
	EXPECT(master, "out\tput\r\n");
	close_pair();
}

static void raw(void)
{
	struct termios t, old;
	char buf[64];

	open_pair();
	tcgetattr(slave, &old);
	t = old;
	cfmakeraw(&t);
	CHECK_EQ(tcsetattr(slave, TCSANOW, &t), 0);
	put(master, "\003\r\177x");
	CHECK_EQ(read(slave, buf, sizeof(buf)), 4);
	CHECK(!memcmp(buf, "\003\r\177x", 4));
	EXPECT(master, "");
	put(slave, "a\nb");
	EXPECT(master, "a\nb");
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &t);
	CHECK_EQ(read(slave, buf, sizeof(buf)), 0);
	t.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &t);
	CHECK_EQ(read(slave, buf, sizeof(buf)), 0);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &t);
	put(master, "ab");
	CHECK_EQ(read(slave, buf, sizeof(buf)), 2);
	fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(slave, buf, sizeof(buf)), EAGAIN);
	fcntl(slave, F_SETFL, O_RDWR);
	/* unread lines survive the switch to raw */
	tcsetattr(slave, TCSANOW, &old);
	put(master, "kept\r");
	get(master);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(slave, TCSANOW, &t);
	EXPECT(slave, "kept\n");
	put(master, "flushed");
	usleep(30000); /* Linux takes input in by a worker */
	tcsetattr(slave, TCSAFLUSH, &t);
	EXPECT(slave, "");
	close_pair();
}

static void flow(void)
{
	open_pair();
	put(master, "\023");
	usleep(30000);
	fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
	CHECK_ERR(write(slave, "x", 1), EAGAIN);
	put(master, "\021");
	usleep(30000);
	CHECK_EQ(write(slave, "y", 1), 1);
	EXPECT(master, "y");
	close_pair();
}

static void big(void)
{
	static char data[100000];
	long got = 0;
	int st;
	struct termios t;

	open_pair();
	tcgetattr(slave, &t);
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 26);
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		close(master);
		long n = write(slave, data, sizeof(data));
		_exit(n != sizeof(data));
	}
	close(slave);
	while (got < (long)sizeof(data)) {
		char buf[777];
		long n = read(master, buf, sizeof(buf));
		if (n <= 0)
			break;
		if (memcmp(buf, data + got % 26, 1))
			break;
		got += n;
	}
	CHECK_EQ(got, sizeof(data));
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	char c;
	CHECK_ERR(read(master, &c, 1), EIO);
	struct pollfd pf = { .fd = master, .events = POLLIN };
	CHECK_EQ(poll(&pf, 1, 0), 1);
	CHECK(pf.revents & POLLHUP);
	close(master);
}

/* --- job control: a session of its own on the slave --- */

static volatile sig_atomic_t got;
static void on_sig(int sig)
{
	got = sig;
}
static void wait_sig(int sig)
{
	for (int i = 0; i < 500 && got != sig; i++)
		usleep(2000);
	CHECK_EQ(got, sig);
	got = 0;
}

static void session(void)
{
	int st;
	struct termios t;

	open_pair();
	CHECK_EQ(setsid(), getpid());
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	int tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0);
	CHECK_EQ(tcgetpgrp(slave), getpgrp());
	CHECK_EQ(tcgetsid(slave), getpid());
	signal(SIGINT, on_sig);
	signal(SIGQUIT, on_sig);
	signal(SIGWINCH, on_sig);
	put(master, "typed\003");
	wait_sig(SIGINT);
	EXPECT(slave, "");
	put(master, "\034");
	wait_sig(SIGQUIT);
	struct winsize ws = { .ws_row = 5, .ws_col = 6 };
	ioctl(master, TIOCSWINSZ, &ws);
	wait_sig(SIGWINCH);
	get(master);

	/* a background group may not read, nor write with TOSTOP */
	pid_t pid = fork();
	if (!pid) {
		char c;
		setpgid(0, 0);
		if (read(slave, &c, 1) != 1 || c != 'k')
			_exit(1);
		if (write(slave, "bg", 2) != 2)
			_exit(2);
		_exit(tcgetpgrp(slave) == getpgrp() ? 0 : 3);
	}
	setpgid(pid, pid);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
	CHECK_EQ(tcsetpgrp(slave, pid), 0);
	CHECK_EQ(kill(-pid, SIGCONT), 0);
	put(master, "k\r");
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK_EQ(st, 0);
	EXPECT(master, "k\r\nbg");
	/* now we are in the background: setting needs SIGTTOU ignored */
	signal(SIGTTOU, SIG_IGN);
	CHECK_EQ(tcsetpgrp(slave, getpgrp()), 0);
	CHECK_ERR(tcsetpgrp(slave, 999999), ESRCH);
	tcgetattr(slave, &t);
	t.c_lflag |= TOSTOP;
	tcsetattr(slave, TCSANOW, &t);
	pid = fork();
	if (!pid) {
		signal(SIGTTOU, SIG_DFL);
		setpgid(0, 0);
		_exit(write(slave, "zz", 2) == 2 ? 0 : 1);
	}
	setpgid(pid, pid);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
	kill(-pid, SIGKILL);
	waitpid(pid, &st, 0);
	/* ^Z stops the foreground job */
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		tcsetpgrp(slave, getpgrp());
		if (write(slave, "R", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	EXPECT(master, "R");
	put(master, "\032");
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	tcsetpgrp(slave, getpgrp());
	/* hang-up */
	signal(SIGHUP, on_sig);
	close(master);
	wait_sig(SIGHUP);
	char c;
	CHECK_EQ(read(tty, &c, 1), 0);
	CHECK_ERR(write(tty, "x", 1), EIO);
	close(tty);
	close(slave);
}
static void job_control(void)
{
	CHECK_EQ(in_child(session), 0);
}

static void leader(void)
{
	/* the leader's exit takes the terminal from the rest */
	int ready[2];
	char c;

	CHECK_EQ(pipe(ready), 0);
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGHUP, on_sig);
		if (write(slave, "+", 1) != 1 || write(ready[1], "", 1) != 1)
			_exit(1);
		while (!got)
			usleep(1000);
		if (write(master, "", 0) != 0)
			_exit(1);
		put(slave, "hup");
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
}
static void leader_exit(void)
{
	open_pair();
	CHECK_EQ(in_child(leader), 0);
	EXPECT(master, "+hup");
	close_pair();
}

static void packets(void)
{
	int on = 1;
	char buf[16];

	open_pair();
	CHECK_EQ(ioctl(master, TIOCPKT, &on), 0);
	put(slave, "hi");
	CHECK_EQ(read(master, buf, sizeof(buf)), 3);
	CHECK(buf[0] == 0 && buf[1] == 'h');
	close_pair();
}

static void *packet_reader(void *arg)
{
	unsigned char *got = arg;

	for (int i = 0; i < 8; i++) {
		char buf[16];

		if (read(master, buf, sizeof(buf)) != 1)
			break;
		got[i] = (unsigned char)buf[0];
		packet_count++;
	}
	return NULL;
}
static void packet_is(unsigned char *got, int n, int event)
{
	for (int i = 0; i < 500 && packet_count < n; i++)
		usleep(2000);
	CHECK_EQ(packet_count, n);
	CHECK_EQ(got[n - 1], event);
}
/* A reader that sleeps hears of each event. */
static void packet_events(void)
{
	unsigned char got[8] = { 0 };
	struct termios t;
	pthread_t reader;
	int on = 1;

	open_pair();
	tcgetattr(slave, &t);
	t.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(slave, TCSANOW, &t);
	CHECK_EQ(ioctl(master, TIOCPKT, &on), 0);
	pthread_create(&reader, NULL, packet_reader, got);
	usleep(50000);
	CHECK_EQ(tcflow(slave, TCOOFF), 0);
	packet_is(got, 1, TIOCPKT_STOP);
	CHECK_EQ(tcflow(slave, TCOON), 0);
	packet_is(got, 2, TIOCPKT_START);
	put(master, "\023");
	packet_is(got, 3, TIOCPKT_STOP);
	put(master, "\021");
	packet_is(got, 4, TIOCPKT_START);
	CHECK_EQ(tcflush(slave, TCIFLUSH), 0);
	packet_is(got, 5, TIOCPKT_FLUSHREAD);
	put(master, "\003");
	packet_is(got, 6, TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
	t.c_iflag &= ~(tcflag_t)IXON;
	tcsetattr(slave, TCSANOW, &t);
	packet_is(got, 7, TIOCPKT_NOSTOP);
	t.c_iflag |= IXON | PARMRK;
	tcsetattr(slave, TCSANOW, &t);
	packet_is(got, 8, TIOCPKT_DOSTOP);
	pthread_join(reader, NULL);
	on = 0;
	CHECK_EQ(ioctl(master, TIOCPKT, &on), 0);
	put(master, "\377a\n");
	EXPECT(slave, "\377\377a\n");
	close_pair();
}

/* What is written has left, whether the master reads it or not; the master's flush drops it. */
static void drains(void)
{
	struct termios t;
	int n = -1;

	open_pair();
	put(slave, "unread\n");
	usleep(50000);
	alarm(20);
	CHECK_EQ(tcdrain(slave), 0);
	CHECK_EQ(tcgetattr(slave, &t), 0);
	CHECK_EQ(tcsetattr(slave, TCSADRAIN, &t), 0);
	alarm(0);
	CHECK_EQ(ioctl(slave, TIOCOUTQ, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(ioctl(master, FIONREAD, &n), 0);
	CHECK_EQ(n, 8);
	put(master, "typed\n");
	usleep(50000);
	CHECK_EQ(tcflush(master, TCIFLUSH), 0);
	CHECK_EQ(ioctl(master, FIONREAD, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(tcflush(master, TCOFLUSH), 0);
	EXPECT(slave, "typed\n");
	close_pair();
}

int main(void)
{
	int probe = posix_openpt(O_RDWR | O_NOCTTY);

	if (probe < 0 && !on_corrida()) {
		puts("1..0 # SKIP no pseudo-terminals on this host");
		return 0;
	}
	close(probe);
	RUN(defaults);
	RUN(canonical);
	RUN(raw);
	RUN(flow);
	RUN(big);
	RUN(job_control);
	RUN(leader_exit);
	RUN(packets);
	RUN(packet_events);
	RUN(drains);
	return test_done();
}
