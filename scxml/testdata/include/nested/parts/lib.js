var used = true;
