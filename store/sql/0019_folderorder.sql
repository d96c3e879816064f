-- Lists of everybody's folders by title. The other orders sort: what folders hold and when they were used changes
-- with each batch of writes, which an index would make dearer than such a list is worth.
CREATE INDEX folders_by_title ON folders (lower(title), id);
