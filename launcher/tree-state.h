#pragma once
/* Prints the state of a tree as 32 hexadecimal digits; returns an exit status. */
int print_tree_state(const char *dir);
