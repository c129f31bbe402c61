"""Jobs in, outcomes out: trials run in processes of their own, and failures are values."""
