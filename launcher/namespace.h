/* A mount namespace of our own, in which nothing that the host mounts later is seen. */
void enter_namespace(void);
/* -1 where there can be none. */
int enter_namespace_if_allowed(void);
