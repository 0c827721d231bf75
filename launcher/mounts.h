/* Steps of launch.c; those that return nothing end the process when they fail. */
_Noreturn void die(const char *step, const char *on);
void empty(const char *path);
void read_only(const char *path, unsigned flags);
int bind_tree(const char *source, const char *target);
