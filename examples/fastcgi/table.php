<?php
// The times table as a page of PHP. The pool's workers are processes of php-cgi, which run this file from its first
// line for each request: a variable does not last to the next one.
declare(strict_types=1);

// What does last in a process is a persistent connection, here one to a database in its memory.
function count_requests(): int
{
    $database = new PDO('sqlite::memory:', options: [PDO::ATTR_PERSISTENT => true]);
    $database->exec('CREATE TABLE IF NOT EXISTS served (count INTEGER NOT NULL)');
    $database->exec('INSERT INTO served SELECT 0 WHERE NOT EXISTS (SELECT * FROM served)');
    $database->exec('UPDATE served SET count = count + 1');
    return (int) $database->query('SELECT count FROM served')->fetchColumn();
}

header('Content-Type: text/html; charset=utf-8');
header('X-Worker: ' . getmypid() . ' ' . count_requests());
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The times table</title>
<link rel="stylesheet" href="/table.css">
<h1>The times table</h1>
<table>
<?php
for ($row = 1; $row <= 12; $row++) {
    echo '<tr><th>', $row;
    for ($column = 1; $column <= 12; $column++) {
        echo '<td>', $row * $column;
    }
    echo "\n";
}
?>
</table>
<p>Twelve rows, made anew for each request, or once for all.</p>
