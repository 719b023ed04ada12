// Takes the place of /usr/bin/mynah in cross/service-in-namespace and tries what a mynah that obeys someone else would
// try, confined by the shipped unit. It changes nothing, and reports each attempt on a line: "try: NAME: refused"
// with the error if the system denied it, "try: NAME: open" if it did not.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL "/bin/sh"
// What a started shell exits with, which nothing else here does.
#define RAN 42

// The first message on a bus: a call of org.freedesktop.DBus.Hello. The head is followed by its fields, each padded to
// eight bytes: path, destination, interface, member.
static const char HELLO[] =
    "l\1\0\1\0\0\0\0\1\0\0\0" "\156\0\0\0"
    "\1\1o\0" "\25\0\0\0" "/org/freedesktop/DBus\0" "\0\0"
    "\6\1s\0" "\24\0\0\0" "org.freedesktop.DBus\0" "\0\0\0"
    "\2\1s\0" "\24\0\0\0" "org.freedesktop.DBus\0" "\0\0\0"
    "\3\1s\0" "\5\0\0\0" "Hello\0" "\0\0";

static void try_bus(const char *name, const char *path);
static int authenticate(int bus);
static void try_run(const char *name, const char *path);
static void try_copies(void);
static void try_memory_file(void);
static void try_loader(void);
static void try_map(void);
static void try_listen(void);
static void try_read(const char *name, const char *path);
static void report(const char *name, int error);
static void notify_ready(void);

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    notify_ready();
    try_bus("system bus", "/run/dbus/system_bus_socket");
    try_bus("system bus, old path", "/var/run/dbus/system_bus_socket");
    try_bus("systemd's own bus", "/run/systemd/private");
    try_bus("user bus", "/run/user/1000/bus");
    try_bus("abstract bus", "@mynah-test-bus");
    try_run("shell", SHELL);
    try_run("script", "/usr/bin/look");
    try_copies();
    try_memory_file();
    try_loader();
    try_map();
    try_listen();
    try_read("keyboard", "/dev/input/event90");
    try_read("button", "/dev/input/event91");
    return 0;
}

// Connects, authenticates and says hello: anybody may connect to an abstract socket, so there the bus has to refuse.
static void try_bus(const char *name, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 5};
    size_t length = strlen(path);
    char answer[256] = "";
    int bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bus < 0) return report(name, errno);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    setsockopt(bus, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(bus, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)))
        report(name, errno);
    else if (!authenticate(bus) || write(bus, HELLO, sizeof HELLO - 1) < 0 || read(bus, answer, sizeof answer) < 2)
        report(name, EPERM);
    else
        // An answer in little-endian order that is a reply (2) and not an error (3).
        report(name, answer[0] == 'l' && answer[1] == 2 ? 0 : EPERM);
    close(bus);
}

static int authenticate(int bus) {
    char line[64] = "", answer[64] = "", uid[16];
    int length, digits = snprintf(uid, sizeof uid, "%d", (int)getuid());
    // The digits of the user id in hexadecimal, after a zero byte.
    length = snprintf(line + 1, sizeof line - 1, "AUTH EXTERNAL ") + 1;
    for (int at = 0; at < digits; at++) length += snprintf(line + length, sizeof line - (size_t)length, "%02x", uid[at]);
    length += snprintf(line + length, sizeof line - (size_t)length, "\r\n");
    return write(bus, line, (size_t)length) > 0 && read(bus, answer, sizeof answer - 1) > 0 &&
           !strncmp(answer, "OK", 2) && write(bus, "BEGIN\r\n", 7) > 0;
}

static void try_run(const char *name, const char *path) {
    int status, pipe_fd[2], error = 0;
    pid_t child;
    if (pipe2(pipe_fd, O_CLOEXEC)) return report(name, errno);
    child = fork();
    if (child == 0) {
        execl(path, path, "-c", "exit 42", (char *)NULL);
        error = errno;
        if (write(pipe_fd[1], &error, sizeof error) < 0) _exit(2);
        _exit(1);
    }
    close(pipe_fd[1]);
    if (read(pipe_fd[0], &error, sizeof error) < 0) error = errno;
    close(pipe_fd[0]);
    waitpid(child, &status, 0);
    report(name, error);
}

// Copies the shell into every folder that may be writable.
static void try_copies(void) {
    static const char *folders[] = {"/tmp", "/var/tmp", "/var/lib/mynah", "/dev/shm", "/run", "/sys/devices"};
    char name[64], path[64], block[65536];
    ssize_t got;
    for (size_t at = 0; at < sizeof folders / sizeof *folders; at++) {
        int from = open(SHELL, O_RDONLY | O_CLOEXEC), to;
        snprintf(name, sizeof name, "copy of the shell in %s", folders[at]);
        snprintf(path, sizeof path, "%s/intruder-shell", folders[at]);
        to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
        if (from < 0 || to < 0) {
            report(name, errno);
            continue;
        }
        while ((got = read(from, block, sizeof block)) > 0)
            if (write(to, block, (size_t)got) < 0) break;
        close(from);
        close(to);
        try_run(name, path);
        unlink(path);
    }
}

static void try_memory_file(void) {
    char path[32];
    int file = memfd_create("shell", 0);
    if (file < 0) return report("shell in a memory file", errno);
    int from = open(SHELL, O_RDONLY | O_CLOEXEC);
    char block[65536];
    ssize_t got;
    while ((got = read(from, block, sizeof block)) > 0)
        if (write(file, block, (size_t)got) < 0) break;
    close(from);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    try_run("shell in a memory file", path);
    close(file);
}

// The loader may be executed, because programs need it; it must not load a program that may not be.
static void try_loader(void) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), 2);
        execl(LOADER, LOADER, SHELL, "-c", "exit 42", (char *)NULL);
        _exit(1);
    }
    waitpid(child, &status, 0);
    report("shell by the loader", WIFEXITED(status) && WEXITSTATUS(status) == RAN ? 0 : EACCES);
}

static void try_map(void) {
    int file = open(SHELL, O_RDONLY | O_CLOEXEC);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    report("shell mapped as code", code == MAP_FAILED ? errno : 0);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    report("own memory as code", mprotect(code, 4096, PROT_READ | PROT_EXEC) ? errno : 0);
    close(file);
}

static void try_listen(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(47811)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    report("listening port", bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1) ? errno : 0);
    close(listener);
}

// No driver stands behind the nodes of the test, so an open that is permitted fails with another error.
static void try_read(const char *name, const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    report(name, file >= 0 || errno == ENXIO || errno == ENODEV ? 0 : errno);
    if (file >= 0) close(file);
}

static void report(const char *name, int error) {
    if (error) printf("try: %s: refused (%s)\n", name, strerror(error));
    else printf("try: %s: open\n", name);
}

static void notify_ready(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!path || notify < 0 || strlen(path) >= sizeof address.sun_path) return report("notification of systemd", EINVAL);
    strcpy(address.sun_path, path);
    if (path[0] == '@') address.sun_path[0] = 0;
    ssize_t sent = sendto(notify, "READY=1", 7, 0, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    report("notification of systemd", sent < 0 ? errno : 0);
    close(notify);
}
