"""Who may enter, what they may do, and what they did."""
