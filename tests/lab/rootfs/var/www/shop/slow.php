<?php
// It works all the time, at about a tenth of a core: no worker that waits for something else.
$end = microtime(true) + min(60, max(0, (int) ($_GET['seconds'] ?? 5)));
while (microtime(true) < $end) {
    for ($n = 0; $n < 2000; $n++) {
        hash('sha256', (string) $n);
    }
    usleep(10000);
}
echo "<html><body><p>slow ok from php</p></body></html>\n";
