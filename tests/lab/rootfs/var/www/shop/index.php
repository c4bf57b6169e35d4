<html><body><p>ok from php <?= PHP_VERSION ?></p></body></html>
