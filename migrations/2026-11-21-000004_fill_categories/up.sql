-- Where trees are filed, the same for all accounts, so that they can be compared and found across them.

INSERT INTO categories (slug, name) VALUES
    ('accounts', 'Accounts and access'),
    ('computers', 'Computers'),
    ('databases', 'Databases'),
    ('email', 'E-mail'),
    ('kubernetes', 'Kubernetes'),
    ('machines', 'Machines and plants'),
    ('network', 'Network'),
    ('phones', 'Phones'),
    ('printing', 'Printing'),
    ('security', 'Security'),
    ('servers', 'Servers'),
    ('service-desk', 'Service desk'),
    ('storage', 'Storage and backup'),
    ('web', 'Websites and services');
