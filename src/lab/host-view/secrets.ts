/** What no guest sees, by what it is: paths below each home that is seen, and paths of the machine. `*` stands for anything in the last name. */
export interface Secrets {
  readonly what: string
  readonly home?: readonly string[]
  readonly machine?: readonly string[]
}

/**
 * The one list, for the root and for shares. `run.hide` of the user's own configuration adds to it; docs/secrets.md is
 * made from it (npm run generate).
 */
export const SECRETS: readonly Secrets[] = [
  {
    what: 'keys of people and of this machine',
    home: ['.ssh', '.gnupg', '.pki', '.putty', '.age', '.config/age', '.config/sops', '.step'],
    machine: [
      ...['/etc/ssh/ssh_host_*', '/etc/ssl/private', '/etc/pki/tls/private', '/etc/pki/private'],
      ...['/etc/pki/consumer', '/etc/pki/entitlement', '/etc/letsencrypt', '/var/lib/acme'],
      ...['/var/lib/caddy', '/etc/cryptsetup-keys.d', '/etc/luks-keys', '/etc/keys'],
    ],
  },
  {
    what: 'passwords of accounts',
    home: ['.google_authenticator', '.config/Yubico', '.yubico'],
    machine: [
      ...['/etc/shadow*', '/etc/gshadow*', '/etc/sudoers.d', '/etc/security/opasswd'],
      ...['/etc/tcb', '/etc/krb5.keytab', '/var/lib/krb5kdc', '/var/kerberos', '/var/lib/sss'],
      ...['/etc/sssd', '/etc/nslcd.conf', '/etc/ldap.secret', '/etc/libnss-ldap.secret'],
      ...['/etc/pam_ldap.secret', '/var/lib/samba/private', '/etc/samba/smbpasswd'],
      ...['/run/secrets', '/run/credentials', '/var/lib/systemd/credential.secret'],
      ...['/etc/credstore', '/etc/credstore.encrypted'],
      ...['/var/backups', '/var/cache/debconf/passwords.dat', '/tmp/krb5cc*', '/var/tmp/krb5cc*'],
    ],
  },
  {
    what: 'networks: VPN, WLAN, remote desktops',
    home: [
      ...['.cert', '.config/wireguard', '.config/tailscale', '.cloudflared', '.ngrok2'],
      ...['.config/ngrok', '.vnc', '.config/tigervnc', '.Xauthority', '.ICEauthority', '.x11vnc'],
      ...['.config/remmina', '.local/share/remmina', '.config/freerdp', '.config/filezilla'],
      ...['.smbcredentials', '.davfs2', '.local/share/networkmanagement', '.config/syncthing'],
      ...['.tor'],
    ],
    machine: [
      ...['/etc/wireguard', '/etc/openvpn', '/etc/ipsec.secrets', '/etc/ipsec.d', '/etc/swanctl'],
      ...['/etc/NetworkManager/system-connections', '/var/lib/NetworkManager', '/etc/netplan'],
      ...['/etc/wpa_supplicant', '/var/lib/iwd', '/var/lib/bluetooth', '/var/lib/connman'],
      ...['/etc/ppp/chap-secrets', '/etc/ppp/pap-secrets', '/etc/ppp/peers', '/etc/davfs2/secrets'],
      ...['/etc/cifs-credentials', '/etc/smbcredentials', '/etc/rsyncd.secrets', '/etc/snmp'],
      ...['/etc/bind/rndc.key', '/etc/rndc.key', '/var/lib/tailscale', '/var/lib/zerotier-one'],
      ...['/var/lib/tor', '/etc/munge', '/etc/corosync/authkey', '/etc/ceph'],
    ],
  },
  {
    what: 'clouds and clusters',
    home: [
      ...['.aws', '.azure', '.kube', '.oci', '.aliyun', '.bluemix', '.fly', '.linode-cli', '.boto'],
      ...['.config/gcloud', '.config/doctl', '.config/hcloud', '.config/linode-cli', '.config/scw'],
      ...['.config/helm', '.minikube', '.terraform.d', '.terraformrc', '.pulumi', '.vault-token'],
      ...['.config/rclone', '.rclone.conf', '.s3cfg', '.passwd-s3fs', '.mc', '.databrickscfg'],
      ...['.config/heroku', '.config/netlify', '.config/configstore', '.config/stripe', '.ansible'],
      ...['.local/share/com.vercel.cli', '.snowflake', '.dbt', '.sentryclirc', '.circleci'],
    ],
    machine: [
      ...[
        '/etc/kubernetes',
        '/var/lib/kubelet',
        '/etc/rancher',
        '/var/lib/rancher',
        '/etc/vault.d',
      ],
      ...['/etc/consul.d', '/etc/nomad.d', '/var/lib/cloud', '/etc/boto.cfg', '/var/lib/etcd'],
      ...['/etc/salt/pki', '/etc/puppetlabs/puppet/ssl', '/etc/chef', '/var/lib/waagent'],
    ],
  },
  {
    what: 'containers and machines, with all that is in them',
    home: [
      ...['.docker', '.config/containers', '.local/share/containers', '.local/share/docker'],
      ...['.config/incus', '.config/lxc', '.vagrant.d', '.local/share/libvirt', 'snap', '.var/app'],
    ],
    machine: [
      ...['/etc/containers/auth.json', '/etc/docker', '/var/lib/docker', '/var/lib/containers'],
      ...['/var/lib/containerd', '/var/lib/lxc', '/var/lib/lxd', '/var/lib/incus', '/var/snap'],
      ...['/var/lib/libvirt', '/etc/libvirt/secrets', '/var/lib/machines', '/etc/pve/priv'],
      ...['/var/lib/snapd', '/etc/gitlab-runner'],
    ],
  },
  {
    what: 'tokens of git, packages and AI tools',
    home: [
      ...['.git-credentials', '.config/git/credentials', '.git-credential-cache', '.cache/git'],
      ...['.config/gh', '.config/hub', '.config/glab-cli', '.config/tea', '.netrc', '.npmrc'],
      ...['.yarnrc.yml', '.yarnrc', '.pypirc', '.config/pip', '.pip', '.config/pypoetry'],
      ...['.local/share/uv/credentials', '.cargo/credentials', '.cargo/credentials.toml'],
      ...['.gem/credentials', '.bundle', '.m2/settings.xml', '.m2/settings-security.xml'],
      ...['.gradle/gradle.properties', '.nuget/NuGet', '.composer/auth.json', '.conan', '.conan2'],
      ...['.config/composer', '.config/NuGet', '.subversion', '.cvspass', '.reportbugrc'],
      ...['.huggingface', '.cache/huggingface/token', '.cache/huggingface/stored_tokens'],
      ...['.kaggle', '.config/wandb', '.claude', '.claude.json', '.codex', '.gemini', '.cursor'],
      ...['.config/github-copilot', '.config/openai', '.config/anthropic', '.config/Code'],
      ...['.config/Cursor', '.config/JetBrains', '.vscode-server', '.local/share/jupyter'],
      ...['.jupyter', '.env', '.envrc', '.config/fish/fish_variables', '.config/environment.d'],
    ],
    machine: [
      '/etc/apt/auth.conf',
      '/etc/apt/auth.conf.d',
      '/etc/zypp/credentials.d',
      '/etc/npmrc',
    ],
  },
  {
    what: 'password stores and wallets',
    home: [
      ...['.password-store', '.config/gopass', '.local/share/gopass', '.local/share/keyrings'],
      ...['.local/share/kwalletd', '.config/op', '.op', '.config/1Password', '.config/Bitwarden'],
      ...['.config/Bitwarden CLI', '.config/keepassxc', '.authinfo', '.authinfo.gpg', '.bitcoin'],
      ...['.ethereum', '.electrum', '.config/solana', '.monero', '.Private', '.ecryptfs'],
    ],
  },
  {
    what: 'databases',
    home: [
      ...['.pgpass', '.pg_service.conf', '.my.cnf', '.mylogin.cnf', '.mongorc.js', '.dbeaver4'],
      ...['.rediscli_auth', '.local/share/DBeaverData'],
    ],
    machine: [
      ...['/etc/mysql/debian.cnf', '/etc/pgbouncer', '/etc/redis', '/var/lib/postgresql'],
      ...[
        '/var/lib/pgsql',
        '/var/lib/mysql',
        '/var/lib/mongodb',
        '/var/lib/redis',
        '/var/lib/ldap',
      ],
      ...[
        '/var/lib/rabbitmq',
        '/var/lib/grafana',
        '/var/lib/jenkins',
        '/etc/gitlab',
        '/etc/grafana',
      ],
    ],
  },
  {
    what: 'mail and talk',
    home: [
      ...['.msmtprc', '.config/msmtp', '.esmtprc', '.fetchmailrc', '.getmail', '.config/getmail'],
      ...['.offlineimaprc', '.mbsyncrc', '.config/isyncrc', '.mutt', '.muttrc', '.config/mutt'],
      ...['.config/neomutt', '.config/aerc', '.thunderbird', '.config/evolution', '.weechat'],
      ...[
        '.local/share/evolution',
        '.config/weechat',
        '.irssi',
        '.config/Slack',
        '.config/discord',
      ],
      ...['.config/Signal', '.config/Element', '.gmailctl', 'Mail', 'Maildir', 'mbox'],
    ],
    machine: [
      ...['/etc/exim4/passwd.client', '/etc/postfix/sasl_passwd*', '/etc/postfix/sasl'],
      ...['/etc/msmtprc', '/etc/ssmtp', '/etc/dovecot', '/var/mail', '/var/spool'],
    ],
  },
  {
    what: 'browsers',
    home: [
      ...['.mozilla', '.librewolf', '.config/google-chrome', '.config/google-chrome-beta'],
      ...['.config/chromium', '.config/BraveSoftware', '.config/vivaldi', '.config/opera'],
      ...['.config/microsoft-edge', '.config/mozilla', '.cache/mozilla', '.cache/google-chrome'],
      ...['.cache/chromium', '.cache/BraveSoftware', '.cache/microsoft-edge'],
    ],
  },
  {
    what: 'what was typed, and what crashed',
    home: [
      ...[
        '.bash_history',
        '.zsh_history',
        '.zhistory',
        '.histfile',
        '.sh_history',
        '.zsh_sessions',
      ],
      ...['.local/share/fish', '.python_history', '.node_repl_history', '.psql_history'],
      ...['.mysql_history', '.mariadb_history', '.sqlite_history', '.rediscli_history', '.lesshst'],
      ...['.viminfo', '.local/share/nvim', '.local/state', '.recently-used'],
    ],
    machine: ['/var/crash', '/var/lib/systemd/coredump', '/var/lib/sudo', '/var/db/sudo'],
  },
  {
    what: 'snapshots of all of this',
    machine: ['/.snapshots', '/home/.snapshots', '/timeshift', '/.zfs', '/home/.zfs'],
  },
  {
    what: 'klab: other runs with their consoles and dumps, frozen guests, settings',
    home: ['.config/klab', '.cache/klab/templates', '.cache/klab/config'],
  },
]
