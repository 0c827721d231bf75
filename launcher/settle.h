int settle(const char *from, const char *into);
int remove_staged(const char *dir);
