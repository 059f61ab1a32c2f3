"""What is written down to be tried: addresses, levels, factors, suites, TOML."""
