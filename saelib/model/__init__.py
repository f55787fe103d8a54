"""From networks to one file that answers two questions: will you see it, how will you like it?"""
