"""A clinic with hundreds of thousands of patients: made row by row for measuring, not to be believed one by one.

The demo walks each of its records through the doors that people use. Millions of records cannot be made that way in
minutes, so here their rows and the events that tell of them are written as they would have come out.
"""
