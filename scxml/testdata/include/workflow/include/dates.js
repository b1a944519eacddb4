const day = 86400; // seconds
