"""How large every tensor of a graph becomes, told from the size of the block before anything runs."""
