# shellcheck shell=sh
# Who we are, the clock, the memory, the tools.

echo "hostname $(uname -n)"
echo "uid $(id -u)"
echo "now $(date '+%s.%N')"
echo "offset $(date '+%z')"
read -r up rest </proc/uptime; echo "uptime $up"
[ -d /run/systemd/system ] && echo "systemd yes"
echo "cores $(nproc 2>/dev/null || grep -c ^processor /proc/cpuinfo)"
grep -E '^(MemTotal|MemAvailable|SwapTotal|SwapFree):' /proc/meminfo
for tool in $TOOLS; do command -v "$tool" >/dev/null 2>&1 && echo "tool $tool"; done
exit 0
