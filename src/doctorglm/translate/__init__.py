"""English medical text into Chinese: so far the glossary, and the audit of pairs that somebody else translated."""
