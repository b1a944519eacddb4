var b = a;
