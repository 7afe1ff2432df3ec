// The `bootstrap` of a packed function: starts bin/function with the loader and the libraries beside it,
// because those of Amazon Linux 2023 (glibc 2.34) are older than those that it was built with. Linked
// statically, so that it needs nothing of the place where it runs, not even a shell.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char** environ;

// Where this file is: LAMBDA_TASK_ROOT (/var/task), or beside argv[0].
static const char* root_of(char* program) {
  const char* root = getenv("LAMBDA_TASK_ROOT");
  if (root != NULL && root[0] != '\0') return root;
  char* slash = strrchr(program, '/');
  if (slash == NULL) return ".";
  *slash = '\0';
  return program;
}

int main(int argc, char** argv) {
  static char loader[PATH_MAX], libraries[PATH_MAX], function[PATH_MAX];
  if (argc < 1) return 126;
  const char* root = root_of(argv[0]);
  const int a = snprintf(loader, sizeof loader, "%s/lib/ld.so", root);
  const int b = snprintf(libraries, sizeof libraries, "%s/lib", root);
  const int c = snprintf(function, sizeof function, "%s/bin/function", root);
  if (a < 0 || b < 0 || c < 0 || a >= PATH_MAX || b >= PATH_MAX || c >= PATH_MAX) {
    fprintf(stderr, "bootstrap: the path of the function is too long\n");
    return 126;
  }
  char inhibit[] = "--inhibit-cache", path[] = "--library-path";
  char* arguments[] = {loader, inhibit, path, libraries, function, NULL};
  execve(loader, arguments, environ);
  fprintf(stderr, "bootstrap: %s: %s\n", loader, strerror(errno));
  return 127;
}
