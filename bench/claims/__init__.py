"""What is commonly taught in, what the harness's own suites say of it out: one verdict for each claim."""
