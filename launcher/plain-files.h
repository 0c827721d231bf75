void make_plain_files(const char *shim);
