"""PHP-FPM configurations with every trap that is known, and the real php-fpm to read them back."""
