"""From a suite to a plan: names looked up, defaults filled in, cases drawn, trials ordered."""
