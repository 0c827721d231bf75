#define EXIT_LOCKED 75

/* Has it as long as the command lives; ends with EXIT_LOCKED when somebody else has. */
void take_lock(const char *path);
/* Shares it with all others that claim it. */
void claim(const char *path);
/* Waits for it, says so, and has it until its input ends. */
int hold_lock(const char *path);
/* EXIT_LOCKED when somebody has it. */
int is_locked(const char *path);
