/* What a guest may see of a directory: all of it but what is hidden, as it was when the sieve was made. */
void hide_path(const char *path);
void show_path(const char *path);
void make_sieve(const char *source, const char *target);
