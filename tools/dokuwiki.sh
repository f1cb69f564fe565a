#!/usr/bin/env bash
# Puts DokuWiki into a directory of its own, as its authors' archive has it: conf/ and data/ beside the programs. From
# what tools/unpack.sh unpacked: Debian has these parts in several places, and links between them that leave the
# directory, which a gateway that serves nothing outside of it refuses. Where it is there already, nothing is done.
#   tools/dokuwiki.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
wiki=${1:?usage: tools/dokuwiki.sh DIRECTORY}
from=.build/unpacked
if [[ $wiki -nt $from/.names && $wiki -nt tools/dokuwiki.sh ]]; then exit 0; fi
if [[ ${TOLLGATE_PACKAGES:-} == skip && ! -d $from ]]; then
  echo "Nothing was unpacked, so there is no DokuWiki: its tests will fail, and no others for it."
  exit 0
fi

# Beside the old one and then in its place, so that one that is there is whole.
rm -rf "$wiki.new"
mkdir -p "$(dirname "$wiki")"
cp -R "$from/usr/share/dokuwiki" "$wiki.new"
find "$wiki.new" -type l -delete
cp -R "$from/var/lib/dokuwiki/lib/tpl" "$from/var/lib/dokuwiki/lib/plugins" "$wiki.new/lib/"
cp -R "$from/var/lib/dokuwiki/data" "$wiki.new/data"
cp -R "$from/etc/dokuwiki" "$wiki.new/conf"
find "$wiki.new/conf" -type l -delete

# Debian's preload.php leads to /etc/dokuwiki; the installer is for a wiki without a configuration.
rm "$wiki.new/inc/preload.php" "$wiki.new/install.php"

# Nine files of ten are translations, and each test has a copy of its own.
find "$wiki.new" -type d -path '*/lang/*' ! -path '*/lang/en*' -prune -exec rm -r {} +

# The libraries are read from their packages' places: from vendor/ here.
libraries=$wiki.new/vendor/debian
mkdir -p "$libraries/php"
cp -R "$from/usr/share/javascript" "$from/usr/share/php-geshi" "$libraries/"
cp -R "$from/usr/share/php/phpseclib" "$from/usr/share/php/simplepie" "$libraries/php/"
sed -i "s#'/usr/share/\(javascript\|php\|php-geshi\)/#DOKU_INC.'vendor/debian/\1/#" \
  "$wiki.new"/lib/exe/{jquery,js}.php "$wiki.new"/inc/{load,parserutils}.php \
  "$wiki.new/vendor/composer/autoload_static.php"

rm -rf "$wiki"
mv "$wiki.new" "$wiki"
