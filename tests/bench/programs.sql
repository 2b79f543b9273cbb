-- Work for sqlite3: inserts, indexes, joins, groups and text, in memory.
PRAGMA journal_mode = MEMORY;
BEGIN;
CREATE TABLE item(id INTEGER PRIMARY KEY, grp INTEGER, price REAL, name TEXT);
WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 20000)
INSERT INTO item SELECT k, (k * 7919) % 500, ((k * 104729) % 100000) / 100.0,
    'item ' || ((k * 31) % 2500) FROM n;
CREATE TABLE sale(item INTEGER, amount INTEGER);
INSERT INTO sale SELECT (id * 17) % 20000 + 1, id % 13 FROM item;
CREATE INDEX item_grp ON item(grp);
CREATE INDEX item_name ON item(name);
CREATE INDEX sale_item ON sale(item);
COMMIT;
SELECT grp, count(*), round(sum(price * amount), 2) FROM item JOIN sale ON sale.item = item.id
    GROUP BY grp ORDER BY 3 DESC, 1 LIMIT 20;
SELECT name, count(*) FROM item WHERE name LIKE '%99%' GROUP BY name ORDER BY 2 DESC, 1 LIMIT 20;
SELECT count(*) FROM item a JOIN item b ON a.name = b.name AND a.id < b.id WHERE a.grp < 60;
UPDATE item SET price = price * 1.1 WHERE grp % 3 = 0;
DELETE FROM sale WHERE amount = 5;
SELECT round(avg(price), 6), max(length(name)), sum(amount) FROM item, sale
    WHERE item.id = sale.item;
SELECT upper(substr(name, 1, 6)), round(avg(price), 4) FROM item GROUP BY 1 ORDER BY 1;
