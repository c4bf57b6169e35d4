<?php
$database = new mysqli('localhost', 'www-data');
$version = $database->query('SELECT VERSION()')->fetch_row()[0];
?>
<html><body><p>ok from php <?= PHP_VERSION ?> and <?= $version ?></p></body></html>
