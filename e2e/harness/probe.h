/* What the parts of the probe share: text in JSON, lists of /proc, and the commands' entry points. */

#ifndef PROBE_H
#define PROBE_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

int compare_command(int argc, char **argv);
int hunt_command(int argc, char **argv);
int overwrite_command(int argc, char **argv);
int swap_command(int argc, char **argv);
int chase_command(int argc, char **argv);
int descriptors_command(int argc, char **argv);
int datagram_command(int argc, char **argv);
int deep_command(int argc, char **argv);
int keyring_command(int argc, char **argv);
int attempts_command(int argc, char **argv);

/* Section "syscalls" of `compare`. */
void print_system_calls(void);

void json_string(const char *text);

/* A whole small file; NULL when it cannot be read. Never freed: the probe ends soon. */
char *read_text(const char *path);

/* The value of a line `name:` of /proc/self/status, or "". */
const char *status_field(const char *name);

#endif
