// helm_library_file is where this library was loaded from.
const char *helm_library_file(void);

// helm_loader_file is the dynamic loader that the process was started with; empty for a program that has none.
const char *helm_loader_file(void);
