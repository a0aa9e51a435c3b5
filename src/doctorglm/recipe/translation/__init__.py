"""A recipe with a section `translate`: English corpora into Chinese ones, by a teacher and the student it trains."""
