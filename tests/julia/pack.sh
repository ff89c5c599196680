# Packs the Julia of Debian bullseye into `$1` as an official archive is: it runs wherever it is unpacked, with its libraries beside it.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
apt-get install -yqq --no-install-recommends patchelf > /dev/null
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo "deb [trusted=yes] $uri bullseye main" > /etc/apt/sources.list
apt-get update -qq
# As on an empty system, so that all that it needs is of the same release.
mkdir -p /work/lists/partial /work/archives/partial /work/root
touch /work/status
apt-get -o Dir::State::status=/work/status -o Dir::Cache::archives=/work/archives \
  install -yqq --no-install-recommends --download-only julia > /dev/null
for package in /work/archives/*.deb; do
  case $package in
    */libc6_* | */libcrypt1_* | */perl* | */dpkg* | */tar_* | */debconf*) ;;
    *) dpkg -x "$package" /work/root ;;
  esac
done
multiarch=$(cd /work/root/usr/lib && echo *-linux-gnu)
made=/work/julia-1.5.3
libraries=$made/lib/$multiarch
mkdir -p $made/bin $made/share "$libraries"
cp -a /work/root/usr/bin/julia $made/bin/
cp -a /work/root/usr/share/julia $made/share/
rm -rf $made/share/julia/test
cp -a "/work/root/usr/lib/$multiarch/julia" "$libraries/"
find "/work/root/usr/lib/$multiarch" "/work/root/lib/$multiarch" -maxdepth 1 -name '*.so*' -exec cp -Pn {} "$libraries/" \;
patchelf --force-rpath --set-rpath "\$ORIGIN/../lib/$multiarch:\$ORIGIN/../lib/$multiarch/julia" $made/bin/julia
find "$libraries" -maxdepth 1 -type f -name '*.so*' -exec patchelf --force-rpath --set-rpath "\$ORIGIN:\$ORIGIN/julia" {} \;
find "$libraries/julia" -type f -name '*.so*' ! -name sys.so -exec patchelf --force-rpath --set-rpath "\$ORIGIN:\$ORIGIN/.." {} \;
find $made -xtype l -delete
tar -C /work --sort=name --mtime=@0 --owner=0 --group=0 -cf - julia-1.5.3 | gzip -1 > "$1"
