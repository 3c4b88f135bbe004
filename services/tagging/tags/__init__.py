"""The tags that people have: judged whenever something happens, and when time alone changes the verdict."""
