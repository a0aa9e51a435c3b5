"""What a stage shows when it is done: a self-contained page in two languages, its pictures, and the terminal's table.

A page is a list of blocks (`blocks`); `page.write` makes one HTML file of them, `charts` draws the pictures and
`terminal` sets the same tables in columns of characters.
"""
