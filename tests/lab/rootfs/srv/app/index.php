<?php
header('Content-Type: application/json');
echo json_encode(['app' => 'ok from app', 'port' => (int) $_SERVER['SERVER_PORT'], 'pid' => getmypid()]), "\n";
