#pragma once
/*
 * Prints the state of a tree as 32 hexadecimal digits; returns an exit status. What is below the directories of the list, which are
 * named from the tree on, is left out; NULL ends the list.
 */
int print_tree_state(const char *dir, char **without);
