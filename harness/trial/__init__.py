"""The processes that train: a server that has torch, and one trial in each of its forks."""
