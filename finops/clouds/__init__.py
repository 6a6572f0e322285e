"""Clouds: how each is reached, and what it is asked besides bills: accounts, machine types, list prices, budgets."""
