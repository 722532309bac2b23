// The library is a program too: run as one, it is the helm command. The linker takes helm_start as the file's entry point
// (scripts/build.py), which does what crt1.o does for other programs and goes on in helm_sdkpy_main (command.go).
#define _GNU_SOURCE
#include "executable.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>

typedef void initialiser(int argc, char **argv, char **environment);

extern int helm_sdkpy_main(int argc, char **argv);
extern int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, initialiser *init,
                             void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

#define ENTRY(type, code)                                                                                              \
  __asm__(".text\n.globl helm_start\n.hidden helm_start\n.type helm_start," type "\nhelm_start:\n" code)

#if defined(__x86_64__)
#define INTERPRETER "/lib64/ld-linux-x86-64.so.2"
ENTRY("@function", "xor %ebp, %ebp\nmov %rsp, %rdi\nmov %rdx, %rsi\nand $-16, %rsp\ncall helm_begin\nhlt\n");
#elif defined(__aarch64__)
#define INTERPRETER "/lib/ld-linux-aarch64.so.1"
ENTRY("%function", "mov x29, #0\nmov x30, #0\nmov x1, x0\nmov x0, sp\nbl helm_begin\nbrk #0\n");
#else
#error "how a program starts on this machine is not known here"
#endif

__attribute__((section(".interp"), used, retain)) static const char interpreter[] = INTERPRETER;

static void nothing(int number) { (void)number; }

// What the loader would read as well: GNU's linker defines __init_array_start in no shared library.
static void initialise_all(int argc, char **argv, char **environment) {
  uintptr_t base = (uintptr_t)&__ehdr_start, array = 0, size = 0;
  for (const ElfW(Dyn) *each = _DYNAMIC; each->d_tag != DT_NULL; each++) {
    if (each->d_tag == DT_INIT_ARRAY) array = base + each->d_un.d_ptr;
    if (each->d_tag == DT_INIT_ARRAYSZ) size = each->d_un.d_val;
  }
  for (uintptr_t each = array; each < array + size; each += sizeof(initialiser *)) {
    (*(initialiser **)each)(argc, argv, environment);
  }
}

// Go is a guest in a library: it leaves SIGPIPE and SIGXFSZ as it finds them, which Python ignores, and programs that it
// starts inherit that. As a program of its own it must take SIGPIPE, before its runtime looks: then a write to a closed
// connection is an error, one to a closed standard output ends it, and the programs that it starts have the default.
static void initialise(int argc, char **argv, char **environment) {
  struct sigaction taken = {.sa_handler = nothing, .sa_flags = SA_ONSTACK | SA_RESTART};
  sigaction(SIGPIPE, &taken, 0);
  signal(SIGXFSZ, SIG_DFL);
  initialise_all(argc, argv, environment);
}

static int run(int argc, char **argv, char **environment) {
  (void)environment;
  return helm_sdkpy_main(argc, argv);
}

__attribute__((visibility("hidden"), used, noreturn)) void helm_begin(uintptr_t *stack, void (*loader_end)(void)) {
  __libc_start_main(run, (int)stack[0], (char **)(stack + 1), initialise, 0, loader_end, stack);
  __builtin_unreachable();
}

static const char *file_of(const void *address) {
  Dl_info found;
  return address && dladdr(address, &found) ? found.dli_fname : "";
}

const char *helm_library_file(void) { return file_of(interpreter); }

const char *helm_loader_file(void) { return file_of((const void *)getauxval(AT_BASE)); }
