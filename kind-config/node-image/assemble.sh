#!/bin/bash
# Turns a Debian root file system into a kind node. Runs inside a container of that file system; what it leaves is
# committed as the node image. /recipe is this folder; /build holds bin/ (the Go programs; in kind-files/ kind's own
# images/base/files) and images.tar (the images that kubeadm and the manifests name).
set -euo pipefail

# kind's entrypoint, units and configuration, and the unit clean-up that its own base image does
cp -r /build/bin/kind-files/usr/local/bin/. /usr/local/bin/
mkdir -p /kind && cp -r /build/bin/kind-files/kind/. /kind/
cp -r /build/bin/kind-files/etc/. /etc/
chmod 755 /kind /kind/bin /kind/bin/* /usr/local/bin/*
find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/{local-fs,basic}.target.wants/* /lib/systemd/system/sockets.target.wants/*{udev,initctl}*
echo ReadKMsg=no >> /etc/systemd/journald.conf
ln -sf /lib/systemd/systemd /sbin/init
systemctl enable --quiet kubelet.service containerd.service undo-mount-hacks.service
systemctl mask --quiet systemd-binfmt.service

# the programs
cp /build/bin/{kubernetes,containerd,containerd-shim-runc-v2,ctr,crictl} /usr/local/bin/
for name in kubeadm kubelet kubectl; do ln -s /usr/local/bin/kubernetes /usr/bin/$name; done
mkdir -p /etc/kubernetes/manifests /opt/cni/bin
cp /usr/lib/cni/{host-local,loopback,ptp,portmap} /opt/cni/bin/

# containerd: the hook that hides the host's product files, and no oom_score_adj below its own, which an engine
# without CAP_SYS_RESOURCE refuses
ctr oci spec \
  | jq '.hooks.createContainer[.hooks.createContainer | length] |= . + {"path": "/kind/bin/mount-product-files.sh"} | del(.process.rlimits)' \
  > /etc/containerd/cri-base.json
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml

# what kind reads: the version, the network and the storage of a new cluster
cp /build/version /kind/version
mkdir -p /kind/manifests
cp /recipe/manifests/*.yaml /kind/manifests/

# the images, kept packed: each node unpacks those it runs
containerd > /tmp/containerd.log 2>&1 &
for _ in $(seq 300); do [ -S /run/containerd/containerd.sock ] && break; sleep 0.1; done
ctr --namespace k8s.io images import --no-unpack --all-platforms \
  --label io.cri-containerd.pinned=pinned /build/images.tar > /dev/null
kill %1 && wait %1 || true
rm -rf /tmp/containerd.log /var/cache/apt/* /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
