"""GPUs: which instance types have them, what each one did, and which hours were paid for and idle."""
