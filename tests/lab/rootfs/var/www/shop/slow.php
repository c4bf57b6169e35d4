<?php
sleep(min(60, max(0, (int) ($_GET['seconds'] ?? 5))));
echo "<html><body><p>slow ok from php</p></body></html>\n";
