"""Programs with one line changed, each with the tests that must fail for it: run by ``make mutate``."""
